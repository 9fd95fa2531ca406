"""Make pictures, train, measure, export; imported only by the commands that train."""
