"""What files hold, one file for each family of formats."""
