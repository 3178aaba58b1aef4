import {
  SCM_METHODS,
  type SettableSource,
  SPEC_GENERATORS,
  SPEC_TEMPLATES,
} from '@copr/contract/api/sources'
import { html } from 'hono/html'
import type { Frontend } from '../frontend.ts'
import type { Form } from '../http/read-form.ts'
import { areaField, selectField, textField } from '../pages/forms.ts'
import type { Html } from '../pages/view.ts'

/** The label of each source type in links. */
export const SOURCE_LABELS: Record<SettableSource, string> = {
  scm: 'SCM',
  distgit: 'DistGit',
  pypi: 'PyPI',
  rubygems: 'RubyGems',
  custom: 'Custom script',
}

type Fields = (values: Form, frontend: Frontend) => Html

/** The form fields of each source type. */
export const SOURCE_FORMS: Record<SettableSource, Fields> = {
  scm: (values) =>
    html`${textField({ name: 'clone_url', label: 'Clone URL', required: true, placeholder: 'https://git.example.org/hello.git' }, values)}
    ${selectField(
      { name: 'scm_type', label: 'Type' },
      [
        ['git', 'Git'],
        ['svn', 'Subversion'],
      ],
      values,
    )}
    ${textField({ name: 'committish', label: 'Branch, tag or commit' }, values)}
    ${textField({ name: 'subdirectory', label: 'Subdirectory' }, values)}
    ${textField({ name: 'spec', label: 'Spec file', placeholder: 'hello.spec' }, values)}
    ${selectField({ name: 'source_build_method', label: 'Build source package with' }, same(SCM_METHODS), values)}`,
  distgit: (values, { config }) =>
    html`${selectField(
      { name: 'distgit', label: 'DistGit' },
      config.distgit_instances
        .toSorted((a, b) => b.priority - a.priority)
        .map(({ name }) => [name, name] as const),
      values,
    )}
    ${textField({ name: 'namespace', label: 'Namespace' }, values)}
    ${textField({ name: 'committish', label: 'Branch, tag or commit' }, values)}`,
  pypi: (values) =>
    html`${textField({ name: 'pypi_package_name', label: 'PyPI package name', required: true }, values)}
    ${textField({ name: 'pypi_package_version', label: 'Version', help: 'Leave empty for the newest version.' }, values)}
    ${selectField({ name: 'spec_generator', label: 'Spec generator' }, same(SPEC_GENERATORS), values)}
    ${selectField({ name: 'spec_template', label: 'Spec template' }, same(SPEC_TEMPLATES), values)}
    ${textField({ name: 'python_versions', label: 'Python versions', placeholder: '3' }, { ...values, python_versions: words(values['python_versions']) })}`,
  rubygems: (values) => textField({ name: 'gem_name', label: 'Gem name', required: true }, values),
  custom: (values) =>
    html`${areaField({ name: 'script', label: 'Script', required: true, rows: 10, placeholder: '#!/bin/sh' }, values)}
    ${textField({ name: 'chroot', label: 'Chroot to run the script in', placeholder: 'fedora-latest-x86_64' }, values)}
    ${textField({ name: 'builddeps', label: 'Packages required by the script' }, values)}
    ${textField({ name: 'repos', label: 'Repositories of these packages' }, values)}
    ${textField({ name: 'resultdir', label: 'Result directory' }, values)}`,
}

function same(words: readonly string[]): (readonly [string, string])[] {
  return words.map((word) => [word, word === '' ? 'none' : word] as const)
}

function words(value: unknown): unknown {
  return Array.isArray(value) ? value.join(' ') : value
}
