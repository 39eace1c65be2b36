"""HTTP: one Flask blueprint a wire protocol, the role workers, the router in front, their supervisor.

    serve (supervisor) ── router ──unix sockets── ea, aa, dc   (gunicorn, one process group a role)
                       └─ admin (gunicorn, client certificate required)

No logic lives here: bytes in, an authority, bytes out; errors become HTTP statuses in `problems`.
"""
