"""From predictions to what tables and figures show: metrics, statistics, controls, tidy records, rows, style."""
