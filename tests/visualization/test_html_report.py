"""The report is one page that escapes what it is given."""

import base64
import re

import cv2
import numpy as np

from mmpose.visualization import HtmlReport


def test_page_holds_everything_in_one_file(tmp_path):
    report = HtmlReport('Faults of <mine>')
    report.verdict('3 problems', 'bad')
    report.heading('Boxes & joints')
    report.table(['file', 'share'], [['a<b.jpg', 0.25], ['c.jpg', 3]])
    image = np.full((20, 30, 3), (0, 0, 255), np.uint8)
    report.picture(image, 'worst "one"')
    page = report.write(tmp_path / 'out' / 'report.html').read_text()
    assert '<h1>Faults of &lt;mine&gt;</h1>' in page
    assert 'class="verdict bad">3 problems' in page
    assert '<h2>Boxes &amp; joints</h2>' in page
    assert '<td>a&lt;b.jpg</td><td class="number">0.2500</td>' in page
    assert 'alt="worst &quot;one&quot;"' in page
    assert 'http' not in page
    data = base64.b64decode(re.search(r'base64,([^"]+)"', page)[1])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - image).max() < 10
