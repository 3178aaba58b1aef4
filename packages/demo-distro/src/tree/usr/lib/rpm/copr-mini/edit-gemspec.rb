# Edits a gemspec for the %gemspec_ macros: edit-gemspec.rb FILE ACTION ARGUMENT...
require 'rubygems'

path, action, *arguments = ARGV
gemspec = Gem::Specification.load(path) or abort "Cannot read #{path}"
# %gemspec_add_file gives its arguments in Ruby's notation: a string or a list
files = -> { arguments.flat_map { |text| text.start_with?('"', "'", '[', '%') ? eval(text) : text } }

case action
when 'add-dependency' then gemspec.add_runtime_dependency(*arguments)
when 'add-development-dependency' then gemspec.add_development_dependency(*arguments)
when 'remove-dependency', 'remove-development-dependency'
  type = action == 'remove-dependency' ? :runtime : :development
  name, *requirements = arguments
  found = gemspec.dependencies.find { |one| one.type == type && one.name == name }
  abort "Cannot remove the dependency #{name}: #{path} has no such #{type} dependency" unless found
  if requirements.empty?
    gemspec.dependencies.delete(found)
  else
    rest = found.requirement.as_list - requirements.flat_map { |text| Gem::Requirement.new(text).as_list }
    gemspec.dependencies.delete(found)
    gemspec.add_dependency(name, rest) unless rest.empty?
  end
when 'add-file' then gemspec.files |= files.call
when 'remove-file'
  unknown = files.call - gemspec.files
  abort "Cannot remove #{unknown.join(', ')}: #{path} does not list it" unless unknown.empty?
  gemspec.files -= files.call
  gemspec.test_files -= files.call
  gemspec.executables -= files.call.map { |file| File.basename(file) }
else abort "Unknown action #{action}"
end
File.write(path, gemspec.to_ruby)
