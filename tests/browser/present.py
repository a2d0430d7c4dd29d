"""``python -m tests.browser.present`` succeeds where there is a browser for the tests, and says nothing."""

import sys

from tests.browser.fixtures import browser_path

if __name__ == "__main__":
    sys.exit(browser_path() is None)
