"""An agent that behaves like the controller of Argo CD, as far as its Applications can be seen from outside.

Source: ``controller/{appcontroller,state,sync,health}.go`` of Argo CD and ``pkg/{health,sync}`` of gitops-engine.
"""
