"""What joins several subjects: each use case takes its locks first, then applies what follows, in written order."""
