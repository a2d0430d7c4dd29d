"""The test catalogue (spec section 6): every case of the reference's suites; each test names the rows it covers."""
