"""Parse graphs: language and vision put in relation, group of channels by group of channels."""

from mmpose.models.parse_graph.parse_graph import ParseGraph

__all__ = ['ParseGraph']
