"""moto's server on one port of this machine, serving one request at a time: its conditional writes are no single step otherwise."""

import sys

from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from werkzeug.serving import run_simple

app = DomainDispatcherApplication(create_backend_app)
app.debug = False
run_simple("127.0.0.1", int(sys.argv[1]), app, threaded=False)
