"""The pure core: values in, values out; no await, clock, environment, log, random or float."""
