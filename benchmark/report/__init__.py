"""Tables, figures and the page that `fundusbench report` writes to reports/."""
