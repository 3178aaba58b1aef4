import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkComps, MAX_COMPS_BYTES } from './comps.ts'

const GOOD = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<!-- of telescope -->
<comps>
  <group>
    <id>lenses</id>
    <name xml:lang='de'>Linsen &amp; Glas &#x41;</name>
    <packagelist><packagereq type="mandatory">lens</packagereq><empty/></packagelist>
    <![CDATA[ <any> ]]>
  </group>
</comps>
`

test('checkComps() takes a comps file', () => {
  checkComps(GOOD)
  checkComps('\ufeff<comps/>')
  checkComps(`<comps>${'<group><id>a</id></group>\n'.repeat(50_000)}</comps>`)
})

const BAD: [xml: string, message: RegExp][] = [
  ['', /root element/],
  ['<group/>', /root element/],
  ['hello', /text outside/],
  ['<comps>', /<comps> is not closed/],
  ['<comps><a></comps></a>', /closes nothing/],
  ['<comps/><comps/>', /more than one root/],
  ['<comps a=1/>', /line 1/],
  ['<comps>\n<\n</comps>', /line 2/],
  ['<comps>&lol;</comps>', /entity/],
  ['<comps a="&lol;"/>', /entity/],
  ['<!DOCTYPE comps [<!ENTITY lol "lol">]><comps>&lol;</comps>', /line 1/],
  ['<!DOCTYPE comps SYSTEM "file:///etc/passwd" [ <!ENTITY % x SYSTEM "y"> ]><comps/>', /line 1/],
  ['<!ENTITY a "b"><comps/>', /line 1/],
  ['<comps>\0</comps>', /characters/],
  ['<comps>\u0001</comps>', /characters/],
  ['<a>'.repeat(1000), /too deep/],
]
for (const [xml, message] of BAD)
  test(`checkComps() refuses ${JSON.stringify(xml.slice(0, 60))}`, () => {
    assert.throws(() => checkComps(xml), { name: 'CoprError', kind: 'invalid', message })
  })

test('checkComps() ends whatever it is given', () => {
  for (const piece of [
    '<!--',
    '<!-- -',
    '<?',
    '<![CDATA[',
    '<![CDATA[]',
    '<a ',
    '<a b="',
    '&',
    '<!DOCTYPE ',
    ']',
  ])
    assert.throws(() => checkComps(`<comps>${piece.repeat(1_000_000 / piece.length)}`))
  assert.throws(() => checkComps(`<comps>${' '.repeat(MAX_COMPS_BYTES)}</comps>`), {
    kind: 'too_large',
  })
})
