# Writes a spec for a gem, with the sections, the order and the file lists of gem2rpm's template for Fedora.
# Usage: ruby gem-to-spec.rb GEM SPEC INDEX-URL. The gem's text is data: it adds no macro, tag or section to the spec.

require 'rubygems/package'

# Kinds of top-level files and folders, told apart by their names as gem2rpm does.
LICENSE = /MIT|GPLv\d|COPYING|(?i:licen[cs]e)/
DOCUMENT = /(?i:authors|changelog|changes|contribut(ing|ors)|history|readme|release|security)|doc|\A(Appraisals|NEWS|TODO)\z/
IGNORED = /\A(\.gemtest|\.github|\.gitignore|\.hound\.yml|\.rspec|\.rubocop(_todo)?\.yml|\.ruby-version|\.travis\.yml|\.yardopts|\.(?i:.*rc)|Guardfile|appveyor\.yml|coveralls\.yml)\z/
# Not needed to run the gem, and packaged with its documentation.
TEST_OR_TOOL = /\A(\.rspec|cucumber\.yml|features|r?spec|test|examples|(Rakefile|rakefile\.rb|Vagrantfile)\z)|Gemfile|\.gemspec\z/

gem_path, spec_path, index_url = ARGV
GEM = Gem::Package.new(gem_path).spec

# Text for one line of the spec.
def line(text)
  text.to_s.gsub(/[[:space:][:cntrl:]]+/, ' ').strip.gsub('%', '%%')
end

# Text of several lines; rpm reads conditionals and sections also from expanded macros, so that no line may begin with a percent sign.
def paragraphs(text)
  lines = text.scrub('?').gsub(/[^\n[:print:]]/, ' ').split("\n").flat_map do |paragraph|
    paragraph.strip.empty? ? [''] : paragraph.strip.scan(/\S.{0,77}(?=\s|\z)|\S+/)
  end
  lines.map { |each| each.strip.gsub('%', '%%').sub(/\A(?=%)/, '- ') }.join("\n").strip
end

# A path in %files, where shell patterns and spaces have a meaning, below a folder that a macro names.
def path_in(folder, name)
  path = "#{folder}/#{line(name).gsub(/[*?\[\]{}"\\]/, '?')}"
  path.match?(/[\s?]/) ? "\"#{path}\"" : path
end

# The versions of a requirement as rpm expresses them; `~>` is a range, and an exclusion is two conditions.
def conditions(requirement)
  requirement.requirements.flat_map do |operator, version|
    case operator
    when '~>' then [">= #{version}", "< #{version.bump}"]
    when '!=' then ["< #{version}", "> #{version}"]
    else version == Gem::Version.new(0) ? [nil] : ["#{operator} #{version}"]
    end
  end
end

def build_requires(name, requirement)
  conditions(requirement).map { |condition| ['BuildRequires:', name, condition].compact.join(' ') }
end

def documentation?(name)
  (name.match?(DOCUMENT) && !name.match?(LICENSE)) || name.match?(TEST_OR_TOOL)
end

def file_entry(name)
  path = path_in('%{gem_instdir}', name)
  case name
  when LICENSE then "%license #{path}"
  when DOCUMENT then "%doc #{path}"
  when IGNORED then "%exclude #{path}"
  when 'lib' then '%{gem_libdir}'
  else path
  end
end

# Programs that run a gem's tests, by the gem that it needs for that.
FRAMEWORKS = {
  'cucumber' => 'cucumber',
  'minitest' => %q(ruby -e 'Dir.glob "./test/**/*_test.rb", &method(:require)'),
  'rspec' => 'rspec spec',
  'shindo' => 'shindont',
  'test-unit' => %q(ruby -e 'Dir.glob "./test/**/*_test.rb", &method(:require)'),
  'bacon' => 'bacon -a'
}.freeze

abort 'Empty tag: License' if GEM.licenses.compact.empty?

compiled = !GEM.extensions.empty?
extension_folders = GEM.extensions.map { |each| each.split('/').first }.uniq
top_level = GEM.files.map { |each| each.split('/').first }.compact.uniq
in_doc, in_main = top_level.partition { |name| documentation?(name) }
development = GEM.development_dependencies
description = GEM.description.to_s.strip.empty? ? GEM.summary.to_s : GEM.description
description = description.strip.sub(/(?<=[^.!?])\z/, '.')

preamble = [
  "# Generated from #{line(GEM.file_name)} -*- rpm-spec -*-",
  "%global gem_name #{line(GEM.name)}",
  '',
  'Name: rubygem-%{gem_name}',
  "Version: #{GEM.version}",
  'Release: 1%{?dist}',
  "Summary: #{line(GEM.summary).sub(/\.\z/, '')}",
  "License: #{line(GEM.licenses.join(' AND '))}",
  *(GEM.homepage.to_s.strip.empty? ? [] : ["URL: #{line(GEM.homepage).delete(' ')}"]),
  "Source0: #{line(index_url)}/gems/%{gem_name}-%{version}.gem",
  'BuildRequires: ruby(release)',
  *build_requires('rubygems-devel', GEM.required_rubygems_version),
  *build_requires(compiled ? 'ruby-devel' : 'ruby', GEM.required_ruby_version),
  *(compiled ? ['BuildRequires: gcc'] : []),
  *development.reject { |each| %w[rdoc rake bundler].include?(each.name) }.flat_map do |each|
    build_requires("rubygem(#{line(each.name)})", each.requirement).map { |requirement| "# #{requirement}" }
  end,
  *(compiled ? [] : ['BuildArch: noarch'])
]

$stdout = File.open(spec_path, 'w')
puts <<SPEC
#{preamble.join("\n")}

%description
#{paragraphs(description)}

%package doc
Summary: Documentation for %{name}
Requires: %{name} = %{version}-%{release}
BuildArch: noarch

%description doc
Documentation for %{name}.

%prep
%setup -q -n %{gem_name}-%{version}

%build
gem build ../%{gem_name}-%{version}.gemspec
%gem_install

%install
mkdir -p %{buildroot}%{gem_dir}
cp -a .%{gem_dir}/* %{buildroot}%{gem_dir}/
SPEC

if compiled
  puts 'mkdir -p %{buildroot}%{gem_extdir_mri}',
       'cp -a .%{gem_extdir_mri}/{gem.build_complete,*.so} %{buildroot}%{gem_extdir_mri}/',
       # A link in -debuginfo would point to these sources.
       *extension_folders.map { |each| "rm -rf #{path_in('%{buildroot}%{gem_instdir}', each)}/" }
end
unless GEM.executables.empty?
  puts 'mkdir -p %{buildroot}%{_bindir}',
       'cp -a .%{_bindir}/* %{buildroot}%{_bindir}/',
       "find #{path_in('%{buildroot}%{gem_instdir}', GEM.bindir)} -type f | xargs chmod a+x"
end

puts '', '%check', 'pushd .%{gem_instdir}'
puts FRAMEWORKS.slice(*development.map(&:name)).values.map { |command| "# #{command}" }
puts 'popd', '', '%files', '%dir %{gem_instdir}'
puts GEM.executables.map { |each| path_in('%{_bindir}', each) }
puts '%{gem_extdir_mri}' if compiled
puts (in_main - extension_folders).map { |each| file_entry(each) }
puts '%exclude %{gem_cache}', '%{gem_spec}', '', '%files doc', '%doc %{gem_docdir}'
puts in_doc.map { |each| file_entry(each) }
puts '', '%changelog', "* #{Time.now.utc.strftime('%a %b %d %Y')} Copr <copr@localhost> - #{GEM.version}-1", '- Initial package'
