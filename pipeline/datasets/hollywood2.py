"""Hollywood-2: 1,707 clips of 69 films, 823 for training and 884 for testing.

The gaze (`gaze_hollywood2`) is that of Mathe and Sminchisescu: observers, task, rate, screen and
known defects are described in `pipeline.datasets.mathe`.
"""

from pipeline.datasets.mathe import read as read
