"""The demonstration: customers taken through the road by real operations, and the promises it keeps."""
