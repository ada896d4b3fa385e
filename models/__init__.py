"""What is compared: the trunk, its heads, the Multi-Cell part and the losses."""
