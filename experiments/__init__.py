"""Profiles (conf/), the paper's numbers and claims (published/) and committed results (results/)."""
