"""Point clouds: see README.md beside this file for the contract, the options and the formats."""

from modalities.pointcloud.spec import PointCloud

__all__ = ["PointCloud"]
