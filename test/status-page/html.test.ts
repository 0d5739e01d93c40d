import t from 'tap'
import { Html, html } from '../../src/status-page/html.ts'

t.test('whatever is put in is text', async (t) => {
  const hostile = `<script>alert("1")</script> & 'two'`
  const escaped = '&lt;script&gt;alert(&quot;1&quot;)&lt;/script&gt; &amp; &#39;two&#39;'
  t.equal(html`<p title="${hostile}">${hostile}</p>`.text, `<p title="${escaped}">${escaped}</p>`)
  t.equal(html`<p>${[hostile, [hostile]]}</p>`.text, `<p>${escaped}${escaped}</p>`)
})

t.test('what was built here is not escaped again', async (t) => {
  const items = ['a', '<'].map((item) => html`<li>${item}</li>`)
  t.equal(html`<ul>${items}</ul>${new Html('<hr>')}`.text, '<ul><li>a</li><li>&lt;</li></ul><hr>')
})

t.test('what is missing is nothing, and 0 is 0', async (t) => {
  t.equal(html`${undefined}|${0}|${''}`.text, '|0|')
})
