"""gunicorn as it comes, but for as many processes and threads as `gunicorn.conf.py` has."""

workers = 2
threads = 16
loglevel = "warning"
# It would leave a socket in the home of whoever measures.
control_socket_disable = True
