"""Pictures of a DAG, and of a run of it: text, Mermaid, Graphviz, SVG, notebook cells.

``picture`` and ``marks`` say what there is to be drawn; the others draw it.
"""
