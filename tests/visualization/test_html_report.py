"""The report is one page that escapes what it is given."""

import base64
import re

import cv2
import numpy as np

from mmpose.visualization import HtmlReport
from mmpose.visualization.html_report import Bar, Code


def test_page_holds_everything_in_one_file(tmp_path):
    report = HtmlReport('Faults of <mine>')
    report.summary('3 problems', 'bad')
    report.heading('Boxes & joints')
    report.table(['file', 'share'], [['a<b.jpg', 0.25], ['c.jpg', 3]])
    image = np.full((20, 30, 3), (0, 0, 255), np.uint8)
    report.picture(image, 'worst "one"')
    page = report.write(tmp_path / 'out' / 'report.html').read_text()
    assert '<h1>Faults of &lt;mine&gt;</h1>' in page
    assert 'class="summary bad">3 problems' in page
    assert '<h2>Boxes &amp; joints</h2>' in page
    assert '<td>a&lt;b.jpg</td><td class="number">0.2500</td>' in page
    assert 'alt="worst &quot;one&quot;"' in page
    assert 'http' not in page
    data = base64.b64decode(re.search(r'base64,([^"]+)"', page)[1])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert np.abs(decoded.astype(int) - image).max() < 10


def test_contents_bars_tiles_and_details(tmp_path):
    report = HtmlReport('Run', has_contents=True)
    report.tiles({'AP': '0.5'})
    report.heading('A & B')
    report.subheading('first')
    report.table(['joint', 'AP', 'gain'], [['nose', Bar(0.5, '50.0'), '+1.0'], ['eye', '-', '-2']])
    report.table(['setting'], [[Code('a.b')]])
    report.table(['nothing'], [])
    report.details('all', 'x < y')
    image = np.zeros((20, 30, 3), np.uint8)
    image[:, ::2] = 255
    report.picture(image, lossless=True)
    page = report.write(tmp_path / 'report.html').read_text()
    assert '<nav><a href="#section1">A &amp; B</a></nav>' in page
    assert '<h2 id="section1">A &amp; B</h2><h3>first</h3>' in page
    assert '<div><b>0.5</b><span>AP</span></div>' in page
    assert '<td class="bar"><i style="width:4.50rem"></i>50.0</td>' in page
    assert '<th class="number">gain</th>' in page
    assert '<td class="number">-2</td>' in page
    assert '<td class="code">a.b</td>' in page
    assert '<pre>x &lt; y</pre>' in page
    data = base64.b64decode(re.search(r'image/png;base64,([^"]+)"', page)[1])
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    np.testing.assert_array_equal(decoded, image)
