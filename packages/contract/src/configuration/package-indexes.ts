import { z } from 'zod'
import { Url } from './values.ts'

/** The package indexes of programming languages from which sources are fetched. */
export const PackageIndexes = z.strictObject({
  pypi_index: Url.default('https://pypi.org').describe(
    'index of sources of type PyPI, which serves the JSON API below `/pypi`; default: `https://pypi.org`',
  ),
  gem_index: Url.default('https://rubygems.org').describe(
    'index of sources of type RubyGems, which serves the compact index below `/info` and gems below `/gems`; default: `https://rubygems.org`',
  ),
})
