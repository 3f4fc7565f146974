"""Who may see and change what.

Rights come from the project: owners do everything, members create and edit but do
not delete, collaborators read.  A public project can be read by all; of a protected
one everybody sees that it exists, and nobody but its people what is in it.  What a
user may not read does not exist for them.
"""

from __future__ import annotations

from xnat_upload.sandbox.site import Role
from xnat_upload.sandbox.store.records import Project, User


def has_role(user: User, project: Project, *roles: Role) -> bool:
    """Tell whether `user` has one of `roles`; a site administrator has them all."""
    if user.roles_at_login is not None and project.insert_user != user.login:
        return user.site_admin or user.roles_at_login.get(project.id) in roles
    return user.site_admin or project.members.get(user.login) in roles


def can_read_project(user: User, project: Project) -> bool:
    """Tell whether the project itself can be seen."""
    return project.accessibility != "private" or has_role(user, project, "owner", "member", "collaborator")


def can_read_data(user: User, project: Project) -> bool:
    """Tell whether subjects, sessions and files can be seen."""
    return project.accessibility == "public" or has_role(user, project, "owner", "member", "collaborator")


def can_edit_data(user: User, project: Project) -> bool:
    """Tell whether data can be created and changed."""
    return has_role(user, project, "owner", "member")


def can_own(user: User, project: Project) -> bool:
    """Tell whether data can be deleted and the project itself be changed."""
    return has_role(user, project, "owner")
