"""The instrument: verbs that turn files into files, and the parts that they share."""
