import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkComps, MAX_COMPS_BYTES } from './comps.ts'

/** Every element that dnf knows, with each of its attributes. */
const GOOD = `<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE comps PUBLIC "-//Red Hat, Inc.//DTD Comps info//EN" "comps.dtd">
<!-- of telescope -->
<comps>
  <group arch="x86_64">
    <id>lenses</id>
    <name>Lenses</name>
    <name xml:lang='de'>Linsen &amp; Glas &#x41;&#10;</name>
    <description><![CDATA[ <any> ]]></description>
    <default>true</default>
    <uservisible>true</uservisible>
    <biarchonly>false</biarchonly>
    <langonly>de</langonly>
    <display_order>1024</display_order>
    <packagelist>
      <packagereq type="conditional" requires="glass" basearchonly="true" arch="x86_64">lens</packagereq>
    </packagelist>
  </group>
  <category>
    <id>optics</id>
    <grouplist><groupid>lenses</groupid></grouplist>
  </category>
  <environment>
    <id>observatory</id>
    <description/>
    <grouplist><groupid arch="x86_64">lenses</groupid></grouplist>
    <optionlist><groupid default="true">lenses</groupid></optionlist>
  </environment>
  <langpacks><match name="lens" install="lens-%s"/></langpacks>
  <whiteout><ignoredep requires="glass" package="lens"/></whiteout>
  <blacklist><package name="mirror" arch="i686"/></blacklist>
</comps>
<!-- the end -->
`

test('checkComps() accepts a comps file', async () => {
  await checkComps(GOOD)
  await checkComps('\ufeff<comps/>')
  await checkComps(`<comps>${'<group><id>a</id></group>\n'.repeat(50_000)}</comps>`)
})

const XHTML = 'xmlns:h="http://www.w3.org/1999/xhtml"'

const BAD: [xml: string, message: RegExp][] = [
  ['', /root element/],
  ['<group/>', /root element/],
  ['hello', /line 1: text outside/],
  ['<comps>', /<comps> is not closed/],
  ['<comps><group></comps></group>', /line 1: <\/comps> has no start tag/],
  ['<comps/><comps/>', /more than one root/],
  ['<comps a=1/>', /line 1/],
  ['<comps>\n<\n</comps>', /line 2/],
  ['<comps><group><id>&lol;</id></group></comps>', /entity/],
  ['<comps><group arch="&lol;"/></comps>', /entity/],
  ['<!DOCTYPE comps [<!ENTITY lol "lol">]><comps>&lol;</comps>', /line 1/],
  ['<!DOCTYPE comps SYSTEM "file:///etc/passwd" [ <!ENTITY % x SYSTEM "y"> ]><comps/>', /line 1/],
  ['<!ENTITY a "b"><comps/>', /line 1/],
  ['<comps>\0</comps>', /characters/],
  ['<comps>\u0001</comps>', /characters/],
  ['<comps>\ufffe</comps>', /characters/],
  // Content that a browser would execute or load.
  [`<comps ${XHTML}>\n<h:script>alert(1)</h:script></comps>`, /line 1: .*attribute xmlns:h/],
  ['<comps>\n<script xmlns="http://www.w3.org/1999/xhtml">1</script></comps>', /line 2: <script>/],
  [
    '<comps><group>\n<id xmlns="http://www.w3.org/2000/svg">1</id></group></comps>',
    /line 2: .*xmlns/,
  ],
  ['<comps><group><id onload="alert(1)">1</id></group></comps>', /attribute onload/],
  ['<comps><group><name xml:base="http:x">1</name></group></comps>', /attribute xml:base/],
  [
    '<?xml-stylesheet type="text/xsl" href="#x"?><comps/>',
    /line 1: the instruction <\?xml-stylesheet/,
  ],
  ['<comps><?php 1 ?></comps>', /line 1: the instruction <\?php/],
  // libxml2 refuses these: dnf would fail for all users of the repository.
  ['\n<?xml version="1.0"?><comps/>', /line 2: <\?xml .* at the beginning/],
  ['<?xml version="1.0" encoding="UTF-16"?><comps/>', /line 1: <\?xml/],
  ['<comps/><!DOCTYPE comps>', /line 1: <!DOCTYPE/],
  ['<!DOCTYPE comps><!DOCTYPE comps><comps/>', /line 1: <!DOCTYPE/],
  ['<!DOCTYPE html><comps/>', /line 1: <!DOCTYPE/],
  ['<![CDATA[x]]><comps/>', /line 1: text outside/],
  ['<comps/><![CDATA[ ]]>', /line 1: text outside/],
  ['<comps><group><id>]]></id></group></comps>', /line 1: \]\]>/],
  ['<comps><group><id>&#0;</id></group></comps>', /line 1: &#0;/],
  ['<comps><group><id>&#xd800;</id></group></comps>', /line 1: &#xd800;/],
  ['<comps><group><id>&#9999999;</id></group></comps>', /line 1: &#9999999;/],
  ['<comps><group arch="a" arch="b"/></comps>', /line 1: .*attribute arch twice/],
  // Elements and text in places where they are not permitted, and values that are not valid.
  ['<comps>\n\n<id>x</id></comps>', /line 3: <id> .*<comps>/],
  [`<comps><group arch="${'a'.repeat(1001)}"/></comps>`, /attribute arch is longer than 1000/],
  ['<comps><group><id>&amp</id></group></comps>', /line 1: &amp is not an entity/],
  ['<comps><group>&#32;</group></comps>', /line 1: text in <group>/],
  ['<comps/>&#32;', /line 1: text outside/],
  ['<comps><group><group/></group></comps>', /line 1: <group> .*<group>/],
  ['<comps><group>words</group></comps>', /line 1: text in <group>/],
  ['<comps><group><![CDATA[words]]></group></comps>', /line 1: text in <group>/],
  ['<a>'.repeat(1000), /root element/],
]
for (const [xml, message] of BAD)
  test(`checkComps() refuses ${JSON.stringify(xml.slice(0, 60))}`, async () => {
    await assert.rejects(checkComps(xml), { name: 'CoprError', kind: 'invalid', message })
  })

test('checkComps() terminates for every input', async () => {
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
    await assert.rejects(checkComps(`<comps>${piece.repeat(1_000_000 / piece.length)}`))
  await assert.rejects(checkComps(`<comps>${' '.repeat(MAX_COMPS_BYTES)}</comps>`), {
    kind: 'too_large',
  })
})

test('checkComps() does not block the event loop while it checks a long file', async () => {
  const checked = checkComps(`<comps>${'<group><id>&#65;</id></group>\n'.repeat(100_000)}</comps>`)
  let turns = 0
  const other = setInterval(() => turns++, 0)
  await checked
  clearInterval(other)
  assert.ok(turns > 10, `${turns} turns of the event loop`)
})
