"""The admission of LeaderWorkerSets and their pods, put into the simulated API server without any HTTP.

The rules are the core's; here are only the selection that the webhook configurations make (pods of sets, sets) and the
words that the API server puts around a denial.
"""

from adapters.simulation import kinds, objects
from adapters.simulation.admission import AdmissionRequest
from adapters.simulation.errors import BadRequestError, ForbiddenError
from adapters.simulation.objects import Object
from lws_events import names
from lws_events.admission.decide import BAD_REQUEST, Denied, admit
from lws_events.admission.validation import NOTHING_KNOWN, Surroundings

_SET_WEBHOOK = "vleaderworkerset.kb.io"
_POD_WEBHOOK = "mpod.kb.io"


def set_admission(request: AdmissionRequest, /, *, surroundings: Surroundings = NOTHING_KNOWN) -> Object:
    """Default and validate sets, mutate their pods; everything else passes.

    ``surroundings`` is what the hooks are told when they are configured, a gang scheduler for instance.

    Raises:
        ForbiddenError, BadRequestError: denied, with the message that a client would see.
    """
    is_pod = request.kind is kinds.PODS
    if request.kind is not kinds.LEADERWORKERSETS and not (is_pod and names.SET_NAME in objects.labels(request.object)):
        return request.object
    answer = admit(
        request.kind.kind,
        request.operation,
        request.object,
        request.old_object,
        namespace=request.namespace,
        surroundings=surroundings,
    )
    if isinstance(answer, Denied):
        webhook = _POD_WEBHOOK if is_pod else _SET_WEBHOOK
        message = f'admission webhook "{webhook}" denied the request: {answer.message}'
        raise BadRequestError(message) if answer.code == BAD_REQUEST else ForbiddenError(message)
    return answer.object
