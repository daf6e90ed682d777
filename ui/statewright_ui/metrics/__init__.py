"""The pages about what whole types did."""
