"""The WSGI entry point."""

import os

from django.core.wsgi import get_wsgi_application

from brokerlytics.processes import end_with_parent

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "brokerlytics.settings")
application = get_wsgi_application()
# granian's workers go on serving when the process that made them is killed, beside those of its successor.
end_with_parent()
