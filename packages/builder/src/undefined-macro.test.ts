import assert from 'node:assert/strict'
import { test } from 'node:test'
import { undefinedMacro } from './undefined-macro.ts'

const macroIn = (text: string, more = {}): string | undefined =>
  undefinedMacro({
    section: '%post',
    interpreter: '/bin/sh',
    isExpandedAtInstall: false,
    text,
    ...more,
  })

for (const [text, want] of [
  ['%sysusers_create_compat /builddir/x.conf', '%sysusers_create_compat'],
  ['echo a\n  %tmpfiles_create x.conf\n', '%tmpfiles_create'],
  ['%systemd_post x.service || :', '%systemd_post'],
  ['%{systemd_user_post x.service}', '%systemd_user_post'],
  ['%{undefined_here}', '%undefined_here'],
  ['cat <<EOF\n%wheel ALL=(ALL) ALL\nEOF\n%glib2_gsettings_schemas', '%glib2_gsettings_schemas'],
  ["# don't stop here\n%ldconfig_post", '%ldconfig_post'],
  [`echo 'a\\'\n%ldconfig_post`, '%ldconfig_post'],
  ['n=$((1 * (2)))\n%ldconfig_post', '%ldconfig_post'],
] as const)
  test(`undefinedMacro() finds ${want} in ${JSON.stringify(text)}`, () =>
    assert.equal(macroIn(text), want))

for (const text of [
  // formats, patterns and job numbers
  'printf "%s\\n" x; date +%Y; echo ${file%.conf} ${file%%.*}',
  'printf \\\n  %string x',
  'fg %1\n%1\n%d\n%',
  'case $x in\n  %wheel) ;;\n  %wheel | %adm) ;;\nesac',
  // here-documents and strings that span several lines
  'cat >/etc/sudoers.d/x <<EOF\n%wheel ALL=(ALL) ALL\nEOF',
  "cat <<'END OF' >x\n%wheel ALL\nEND OF\n",
  'cat <<-\\EOF\n\t%wheel ALL\n\tEOF\n',
  'cat <<A <<B\n%wheel ALL\nA\n%wheel ALL\nB\n',
  "echo '# sudo\n%wheel ALL=(ALL) ALL' >x",
  'echo "it\'s \\" # not a comment\n%wheel ALL=(ALL) ALL" >x',
  'groups=(\n  %wheel\n)',
  'grep x <<<"a\n%wheel ALL"',
  // comments, and macros that are not the first word of a command
  '# %systemd_post x.service',
  'echo %systemd_post x.service',
  '%wheel=1',
])
  test(`undefinedMacro() accepts ${JSON.stringify(text)}`, () =>
    assert.equal(macroIn(text), undefined))

test('undefinedMacro() checks only shell scriptlets that rpm does not expand at installation', () => {
  const text = '%systemd_post x.service'
  assert.equal(macroIn(text, { interpreter: '/usr/bin/bash' }), '%systemd_post')
  assert.equal(macroIn(text, { interpreter: '<lua>' }), undefined)
  assert.equal(macroIn(text, { interpreter: '/usr/bin/python3' }), undefined)
  assert.equal(macroIn(text, { isExpandedAtInstall: true }), undefined)
})
