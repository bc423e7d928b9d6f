"""Pictures of a DAG or a run: text, Mermaid, Graphviz, SVG, notebook cells.

``picture`` and ``marks`` describe what to draw; the other modules draw it.
"""
