"""What is compared: the backbone, its heads, the Multi-Cell part and the losses."""
