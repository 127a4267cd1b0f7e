"""What a report is made of: samples drawn as HTML (`media`) and charts (`figures`). Floor: report.

Nothing here knows a modality: samples come as the records of `binder.display`, charts from plain arrays.
"""
