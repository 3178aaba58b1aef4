import type { GemProject } from '@copr/testkit/sources/gem'

const empty = (...names: string[]): Record<string, string> =>
  Object.fromEntries(names.map((name) => [name, '\n']))

/**
 * Gems for which the output of gem2rpm 2.0.0 was recorded, with its template for Fedora 38 and later. For each gem, the file NAME.expected
 * in this directory contains only the lines that rpm acts on, as gem-to-spec.test.ts selects them, with the source URL of the test.
 */
export const RECORDED_GEMS: GemProject[] = [
  {
    name: 'shelf-pure',
    version: '1.2.0',
    files: empty(
      '.gitignore', '.gitlab-ci.yml', '.rspec', '.rubocop.yml', '.pryrc', 'CHANGELOG.md', 'Gemfile', 'LICENSE.txt', 'NEWS', 'README.md',
      'Rakefile', 'SECURITY.md', 'data/shelves', 'docs/guide.md', 'examples/one.rb', 'exe/shelf', 'lib/shelf.rb', 'sig/shelf.rbs',
      'spec/shelf_spec.rb', 'test/shelf_test.rb',
    ), // prettier-ignore
    settings: [
      "s.licenses = ['MIT', 'Ruby']",
      "s.homepage = 'https://example.org/shelf'",
      "s.description = 'Keeps things, and says so in a description that is long enough to be wrapped at its seventy-eighth column'",
      "s.bindir = 'exe'",
      "s.executables = ['shelf']",
      "s.required_ruby_version = '>= 2.5'",
      "s.required_rubygems_version = '>= 2.0'",
      "s.add_runtime_dependency 'json', '~> 2.0'",
      "s.add_development_dependency 'minitest', '~> 5.0'",
      "s.add_development_dependency 'rake', '>= 12'",
    ],
  },
  {
    name: 'shelf-native',
    version: '0.9.1',
    files: empty('COPYING', 'ext/native/extconf.rb', 'ext/native/native.c', 'lib/native.rb'),
    settings: [
      "s.licenses = ['MIT']",
      "s.extensions = ['ext/native/extconf.rb']",
      "s.required_ruby_version = ['>= 2.5', '< 9', '!= 3.0.1']",
      "s.add_development_dependency 'rspec', '~> 3.1'",
    ],
  },
]
