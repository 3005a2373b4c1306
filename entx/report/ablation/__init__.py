"""The ablation report: what each arm and each hybrid of a store is worth on labelled rows, with statistics.

It reads stored answers and runs no model, so a report after a changed threshold takes seconds. `measure` gathers rows
and columns, the modules named for a table reckon it as plain figures, `document` writes them as HTML and JSON.
"""
