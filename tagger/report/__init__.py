"""Reports: judge a model on labelled products, and write the figures as tables and plots."""
