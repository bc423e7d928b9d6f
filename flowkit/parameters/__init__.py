"""Run parameters: what a function declares, and which values fit it.

A DAG takes the run parameters that its tasks declare and that no edge and no fixed argument fills.
The rules of this room:

1.  The type of a parameter is the annotation of the tasks that take it (``signatures``). If
    several tasks annotate it, a value must fit them all, and annotations that no value can fit
    together are an error of the DAG (``agreement``). A task without an annotation for it accepts
    what the others accept.
2.  A value from Python is never converted. It is checked, and refused if it plainly does not fit
    (``fitting``). What only a type checker could decide is accepted.
3.  A value from outside is text (command line) or JSON (files). It is converted to the annotation,
    without guesses, or refused (``conversion``).
4.  Text for a parameter without annotation is converted to the type of the default value. Without a
    default, it is read as JSON if JSON would write the value in the same way, and is text
    otherwise. Text that may be meant either way is refused.
5.  Every refusal names the parameter, the annotation, the value, and an example (``parameter``).

Nothing here knows tasks or DAGs: ``definition/run_parameters.py`` brings both together. Values are
data: no name in a value is looked up, and annotations come from the functions of the user's own
modules. msgspec, which converts, is imported when the first value from outside is converted.
"""
