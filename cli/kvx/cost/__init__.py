"""What machines cost: prices and estimates; pure, in Decimal."""
