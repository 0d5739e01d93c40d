"""Judges commands, requests, answers and rights by the model of AWS's API that the AWS CLI brings along.

Reads JSON from stdin: `commands`, each a list of arguments, `calls`, and `actions`, as policies of IAM name them. Prints
a list of complaints as JSON, which is empty where all is right.
"""
import json
import re
import sys

from awscli.botocore import session, xform_name

# Options of the AWS CLI itself that the documentation uses
GLOBAL_OPTIONS = {'output', 'query', 'region'}
# Services whose rights have another prefix than their commands
COMMANDS = {'cloudhsm': 'cloudhsmv2'}

models = {}
complaints = []


def model(service):
    if service not in models:
        models[service] = session.get_session().get_service_model(service)
    return models[service]


def judge_command(service, command, *arguments):
    names = {xform_name(name, '-'): name for name in model(service).operation_names}
    if command not in names:
        complaints.append(f'aws {service} has no {command}')
        return
    members = model(service).operation_model(names[command]).input_shape.members
    known = GLOBAL_OPTIONS | {xform_name(name, '-') for name in members}
    for argument in arguments:
        # The AWS CLI takes the beginning of an option for the whole
        option = re.fullmatch(r'--(?:no-)?([a-z0-9-]+)', argument)
        if option and option[1] not in known:
            complaints.append(f'aws {service} {command} has no --{option[1]}')


def judge_value(shape, value, place):
    if shape.type_name == 'structure':
        for name, member in value.items():
            if name in shape.members:
                judge_value(shape.members[name], member, f'{place}.{name}')
            else:
                complaints.append(f'{place} has no {name}')
    elif shape.type_name == 'list':
        for member in value:
            judge_value(shape.member, member, f'{place}[]')
    elif shape.type_name == 'map':
        for member in value.values():
            judge_value(shape.value, member, f'{place}.*')
    elif shape.type_name == 'string':
        if shape.enum and value not in shape.enum:
            complaints.append(f'{place}: {value} is none of {", ".join(shape.enum)}')
        pattern = shape.metadata.get('pattern')
        if pattern and not re.fullmatch(pattern.replace(r'\p{L}', r'\w'), value):
            complaints.append(f'{place}: {value[:40]} is not {pattern}')


def judge_call(service, operation, request, answer):
    # EC2 has a protocol of its own, whose requests the AWS CLI has judged
    if service == 'ec2':
        return
    described = model(service).operation_model(operation)
    judge_value(described.input_shape, request, operation)
    if described.output_shape:
        judge_value(described.output_shape, answer, operation)


def judge_action(action):
    prefix, name = action.split(':')
    if name not in model(COMMANDS.get(prefix, prefix)).operation_names:
        complaints.append(f'there is no right {action}')


given = json.load(sys.stdin)
for command in given['commands']:
    judge_command(*command)
for call in given['calls']:
    judge_call(**call)
for action in given['actions']:
    judge_action(action)
json.dump(complaints, sys.stdout)
