"""A simulated bank: a separate program with its own shapes, sharing no line with the client; no Django."""
