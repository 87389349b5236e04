"""That there is this file puts its folder on the path, so that tests below it share its modules."""
