"""What every job over a folder or a table shares: inputs, records of what is done, Ray Data."""
