"""The console commands, one a file: spine-samples, spine-train and spine-measure; the three scripts call them too."""
