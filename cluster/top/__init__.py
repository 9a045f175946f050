"""The live picture in a terminal (`garrison top`) and on one printed screen (`garrison status`)."""
