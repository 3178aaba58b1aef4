import assert from 'node:assert/strict'
import { test } from 'node:test'
import { plainExcerpt, renderMarkdown } from './markdown.ts'

function htmlOf(text: string): string {
  return renderMarkdown(text).toString()
}

test('renderMarkdown() supports lists, code, links and tables', () => {
  const text =
    '# Title\n\n* one\n* `two`\n\n[home](https://e.example/?a=1&b=2) https://f.example/\n\n|a|b|\n|-|-|\n|1|2|\n'
  const html = htmlOf(text)
  assert.match(html, /<h3>Title<\/h3>/)
  assert.match(html, /<li>one<\/li>\s*<li><code>two<\/code><\/li>/)
  assert.match(
    html,
    /<a href="https:\/\/e\.example\/\?a=1&amp;b=2" rel="nofollow noopener ugc">home<\/a>/,
  )
  assert.match(html, /<a href="https:\/\/f\.example\/" rel="nofollow noopener ugc">/)
  assert.match(html, /<td>2<\/td>/)
})

const EVIL = [
  '<script>alert(1)</script>',
  '<img src=x onerror=alert(1)>',
  '<a href="javascript:alert(1)">x</a>',
  '[x](javascript:alert(1))',
  '[x](JaVaScRiPt:alert(1))',
  '[x](java\nscript:alert(1))',
  '[x](&#106;avascript:alert(1))',
  '[x](java&#x0A;script:alert(1))',
  '[x](\u0001javascript:alert(1))',
  '[x](%6Aavascript:alert(1))',
  '[x](vbscript:msgbox(1))',
  '[x](data:text/html;base64,PHNjcmlwdD4=)',
  '![x](data:image/svg+xml;base64,PHN2Zz4=)',
  '![x](javascript:alert(1))',
  '<javascript:alert(1)>',
  '[x]: javascript:alert(1)\n\n[x]',
  '[x](//evil.example/)',
  '[x](/user/delete)',
  '[x](https://e.example/"onmouseover="alert(1))',
  '[x](https://e.example/ "a\\" onmouseover=alert(1) \\"")',
  '![a" onerror="alert(1)](https://e.example/x.png)',
  '[![x](https://e.example/" onerror="y)](https://e.example/)',
  '```"><script>alert(1)</script>\ncode\n```',
  '`<script>`',
  '<!-- --><script>alert(1)</script>',
  '<![CDATA[<script>alert(1)</script>]]>',
  '|<script>|b|\n|:-|-:|\n|<img onerror=x>|2|',
]

for (const text of EVIL)
  test(`renderMarkdown() makes no active content of ${JSON.stringify(text)}`, () => {
    for (const [, name = '', attributes = ''] of htmlOf(text).matchAll(/<\/?([^\s>/]+)([^>]*)>/g)) {
      assert.match(name, /^(div|p|a|code|pre|table|thead|tbody|tr|th|td|em)$/)
      for (const [, key = '', value = ''] of attributes.matchAll(/([^\s=]+)="([^"]*)"/g)) {
        assert.ok(['href', 'rel', 'title', 'class'].includes(key), `${name} ${key}`)
        if (key === 'href') assert.match(value, /^https:\/\/e\.example\//)
      }
      // The tag contains nothing but quoted attributes.
      assert.equal(attributes.replaceAll(/\s[a-z]+="[^"]*"/g, '').trim(), '')
    }
  })

test('renderMarkdown() renders an image as a link, so that pages load nothing from other sites', () => {
  const html = htmlOf(
    '![logo](https://e.example/x.png) [![b](https://e.example/b)](https://f.example/)',
  )
  assert.ok(!html.includes('<img'))
  assert.match(html, /<a href="https:\/\/e\.example\/x\.png" rel="[^"]+">logo<\/a>/)
  assert.match(html, /<a href="https:\/\/f\.example\/" rel="[^"]+">b<\/a>/)
})

test('renderMarkdown() terminates with bounded output for hostile input', () => {
  const size = 1_000_000
  for (const piece of ['[', '*', '![', '> ', '`', '<', '(', '- ', '|', '[a](', '_a_*', '\n'])
    assert.ok(htmlOf(piece.repeat(size / piece.length)).length < 4_000_000, piece)
})

test('renderMarkdown() marks truncated text', () => {
  const html = htmlOf('word '.repeat(5000))
  assert.match(html, /The rest is not shown: the text has 25000 characters/)
})

test('plainExcerpt() returns the text without markup', () => {
  assert.equal(
    plainExcerpt('# Nightly\n\nOf **telescope**, see [home](https://e.example/)\nand <b>more</b>'),
    'Nightly Of telescope, see home and <b>more</b>',
  )
  assert.equal(plainExcerpt('a'.repeat(300)).length, 200)
  assert.equal(plainExcerpt(''), '')
})
