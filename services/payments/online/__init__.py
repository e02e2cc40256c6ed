"""Online payment gateways: an order is made, the guest pays, a signed webhook says so."""
