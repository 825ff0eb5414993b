"""How dates and times read where a template gives no format."""
