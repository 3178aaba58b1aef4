VALUE = "hatched"
