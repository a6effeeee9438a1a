"""The running of a job: command line, files, processes and errors; it changes no number."""
