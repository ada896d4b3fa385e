"""Queue, engines and progress display of jobs, on this machine or a cluster; no result depends on them."""
