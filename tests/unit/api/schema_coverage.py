"""Which test exercises which field of the schema.

A field is either here, with the name of the test in which it works from the manifest to the cluster, or in
the table of refused fields (`vaultbind.api.implemented`). Each place has its row, so that a field that is new
in a CRD has none; `test_schema_coverage.py` looks for the field's name in what the test and its helpers say.
"""

FLOWS = "tests/flow/test_binding"
KEYVAULTS = "tests/flow/test_keyvaults.py"
REFERENCES = "tests/flow/test_vault_references.py"
ROLLOUT = "tests/flow/test_rollout.py"
EXPIRY = "tests/flow/test_expiry.py"
ROTATION = "tests/flow/test_key_rotation.py"
CRDS = "tests/apiserver/test_crds.py"


def rows(place: str, test: str, below: str) -> dict[str, str]:
    """Rows of one test for a place and for what is `below` it, as `.name` or `[]`."""
    return dict.fromkeys([place, *(f"{place}{suffix}" for suffix in below.split())], test)


NAMED = ".name .key"
"""Of a Secret or a ConfigMap."""
CONDITION = "[] [].type [].status [].observedGeneration [].lastTransitionTime [].reason [].message"
OBJECT = "[] [].kind [].name [].expires"
RESTART = (
    ".restart .restart[] .restart[].kind .restart[].name .restart[].selector .restart[].selector.matchLabels"
)

VAULT_BINDING = {
    "spec": f"{FLOWS}_sources.py::test_plain_secrets_and_a_json_property",
    **rows(
        "spec.vaultRef",
        f"{FLOWS}_first.py::test_the_vault_may_be_of_the_namespace_or_of_the_cluster",
        ".kind .name",
    ),
    "spec.refreshPolicy": f"{FLOWS}_refresh.py::test_what_changes_in_the_vault_is_not_taken",
    "spec.suspend": f"{FLOWS}_target.py::test_suspend_stops_reads_and_writes",
    "spec.target": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.name": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.type": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.labels": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.annotations": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.creationPolicy": f"{FLOWS}_merge.py::test_merge_adds_keys_to_a_secret_of_somebody_else",
    "spec.target.whenMissing": f"{FLOWS}_missing.py::test_prune_removes_the_keys_of_an_object_that_is_gone",
    "spec.target.template": f"{FLOWS}_templates.py::test_a_template_makes_a_key_of_the_others",
    "spec.target.template.data": f"{FLOWS}_templates.py::test_a_template_makes_a_key_of_the_others",
    "spec.target.template.keep": f"{FLOWS}_templates.py::test_keys_are_kept_where_the_template_says_so",
    "spec.target.immutable": f"{FLOWS}_immutable.py::test_a_change_makes_an_immutable_secret_anew",
    "spec.data": f"{FLOWS}_sources.py::test_plain_secrets_and_a_json_property",
    "spec.data[]": f"{FLOWS}_sources.py::test_plain_secrets_and_a_json_property",
    "spec.data[].key": f"{FLOWS}_sources.py::test_plain_secrets_and_a_json_property",
    "spec.data[].optional": f"{FLOWS}_sources.py::test_optional_entries_may_be_missing",
    "spec.data[].secret": f"{FLOWS}_sources.py::test_plain_secrets_and_a_json_property",
    "spec.data[].secret.name": f"{FLOWS}_sources.py::test_plain_secrets_and_a_json_property",
    "spec.data[].secret.property": f"{FLOWS}_sources.py::test_plain_secrets_and_a_json_property",
    "spec.data[].secret.version": f"{FLOWS}_sources.py::test_a_pinned_version_stays",
    "spec.data[].secret.decode": f"{FLOWS}_sources.py::test_values_are_decoded",
    "spec.data[].certificate": f"{FLOWS}_sources.py::test_parts_of_a_certificate",
    "spec.data[].certificate.name": f"{FLOWS}_sources.py::test_parts_of_a_certificate",
    "spec.data[].certificate.include": f"{FLOWS}_sources.py::test_parts_of_a_certificate",
    "spec.data[].certificate.format": f"{FLOWS}_formats.py::test_parts_of_a_certificate_as_der",
    **rows(
        "spec.data[].certificate.passwordRef",
        f"{FLOWS}_key_stores.py::test_a_key_store_with_a_password",
        NAMED,
    ),
    "spec.data[].certificate.version": f"{FLOWS}_sources.py::test_a_pinned_version_stays",
    "spec.data[].publicKey": f"{FLOWS}_sources.py::test_public_keys",
    "spec.data[].publicKey.name": f"{FLOWS}_sources.py::test_public_keys",
    "spec.data[].publicKey.format": f"{FLOWS}_formats.py::test_public_keys_of_openssh",
    "spec.data[].publicKey.version": f"{FLOWS}_sources.py::test_a_pinned_version_stays",
    "spec.dataFrom": f"{FLOWS}_sources.py::test_tls_from_a_certificate",
    "spec.dataFrom[]": f"{FLOWS}_sources.py::test_tls_from_a_certificate",
    "spec.dataFrom[].tls": f"{FLOWS}_sources.py::test_tls_from_a_certificate",
    "spec.dataFrom[].tls.name": f"{FLOWS}_sources.py::test_tls_from_a_certificate",
    "spec.dataFrom[].tls.version": f"{FLOWS}_sources.py::test_a_pinned_version_stays",
    "spec.dataFrom[].find": f"{FLOWS}_find.py::test_secrets_are_found_by_name_and_tags",
    **rows(
        "spec.dataFrom[].find.name", f"{FLOWS}_find.py::test_secrets_are_found_by_name_and_tags", ".regexp"
    ),
    "spec.dataFrom[].find.tags": f"{FLOWS}_find.py::test_secrets_are_found_by_name_and_tags",
    **rows("spec.dataFrom[].find.kinds", f"{FLOWS}_find.py::test_certificates_and_keys_are_found", "[]"),
    "spec.dataFrom[].extract": f"{FLOWS}_extract.py::test_entries_of_a_secret_become_keys",
    "spec.dataFrom[].extract.name": f"{FLOWS}_extract.py::test_entries_of_a_secret_become_keys",
    "spec.dataFrom[].extract.version": f"{FLOWS}_extract.py::test_a_pinned_version_is_extracted",
    "spec.dataFrom[].extract.format": f"{FLOWS}_extract.py::test_entries_of_a_secret_become_keys",
    "spec.dataFrom[].rewrite": f"{FLOWS}_rewrite.py::test_keys_are_rewritten",
    "spec.dataFrom[].rewrite[]": f"{FLOWS}_rewrite.py::test_keys_are_rewritten",
    "spec.dataFrom[].rewrite[].regexp": f"{FLOWS}_rewrite.py::test_keys_are_rewritten",
    "spec.dataFrom[].rewrite[].replacement": f"{FLOWS}_rewrite.py::test_keys_are_rewritten",
    "spec.dataFrom[].optional": f"{FLOWS}_sources.py::test_optional_entries_may_be_missing",
    **rows("spec.expiry", f"{EXPIRY}::test_thresholds_of_a_binding", ".warnBefore .warnBefore[]"),
    **rows("spec.rollout", f"{ROLLOUT}::test_workloads_are_restarted_when_the_content_has_changed", RESTART),
    "status.rolloutRevision": f"{ROLLOUT}::test_workloads_are_restarted_when_the_content_has_changed",
    "status": f"{CRDS}::test_status_is_not_ready_before_the_first_look_and_has_its_own_door",
    "status.observedGeneration": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    **rows("status.conditions", f"{FLOWS}_first.py::test_status_tells_what_was_written", CONDITION),
    "status.secretName": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    "status.revision": f"{FLOWS}_rotation.py::test_a_rotated_secret_arrives",
    "status.lastChanged": f"{FLOWS}_rotation.py::test_a_rotated_secret_arrives",
    "status.expires": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    **rows(
        "status.objects",
        f"{FLOWS}_first.py::test_status_tells_what_was_written",
        f"{OBJECT} [].version [].enabled",
    ),
    "status.objectCount": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    "status.lastHandledRequest": f"{FLOWS}_target.py::test_requested_at_forces_one_look",
}

LISTED = ".allowedKeys .allowedKeys[] .allowedOperations .allowedOperations[]"
KEYS = ".keys .keys[] .keys[].name .keys[].policy"
KEYVAULT = {
    "spec": f"{KEYVAULTS}::test_a_vault_connects_with_a_managed_identity",
    "spec.url": f"{KEYVAULTS}::test_a_vault_connects_with_a_managed_identity",
    "spec.auth": f"{KEYVAULTS}::test_a_vault_connects_with_a_managed_identity",
    "spec.auth.default": f"{KEYVAULTS}::test_a_vault_connects_with_the_default_identity",
    **rows(
        "spec.auth.managedIdentity",
        f"{KEYVAULTS}::test_a_vault_connects_with_a_managed_identity",
        ".clientId .resourceId",
    ),
    "spec.auth.servicePrincipal": f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal",
    "spec.auth.servicePrincipal.clientId": f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal",
    "spec.auth.servicePrincipal.tenantId": f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal",
    **rows(
        "spec.auth.servicePrincipal.secretRef",
        f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal",
        NAMED,
    ),
    **rows("spec.auth.servicePrincipal.certificateRef", f"{REFERENCES}::test_a_client_certificate", NAMED),
    "spec.auth.workloadIdentity": (
        f"{KEYVAULTS}::test_a_vault_connects_with_the_workload_identity_of_the_process"
    ),
    "spec.auth.workloadIdentity.clientId": (
        f"{KEYVAULTS}::test_a_vault_connects_with_the_workload_identity_of_the_process"
    ),
    "spec.auth.workloadIdentity.tenantId": (
        f"{KEYVAULTS}::test_a_vault_connects_with_the_workload_identity_of_the_process"
    ),
    **rows("spec.auth.workloadIdentity.serviceAccountRef", f"{REFERENCES}::test_a_service_account", ".name"),
    "spec.authorityHost": f"{KEYVAULTS}::test_an_authority_host_that_is_not_allowed_sees_no_connection",
    "spec.caBundle": f"{KEYVAULTS}::test_the_ca_bundle_of_a_vault_is_trusted",
    **rows("spec.caBundleRef", f"{REFERENCES}::test_a_bundle_by_reference_is_trusted", ".kind .name .key"),
    "spec.refreshInterval": f"{KEYVAULTS}::test_a_vault_is_looked_at_once_per_interval",
    "spec.detection": f"{KEYVAULTS}::test_changes_are_found_by_lists_and_by_gets",
    **rows(
        "spec.rateLimit",
        f"{KEYVAULTS}::test_a_vault_gets_no_more_requests_than_its_limit",
        ".requestsPerSecond .burst",
    ),
    "spec.expiry": f"{EXPIRY}::test_expiry_is_told_by_condition_and_event",
    **rows("spec.expiry.warnBefore", f"{EXPIRY}::test_expiry_is_told_by_condition_and_event", "[]"),
    "spec.expiry.scope": f"{EXPIRY}::test_all_objects_of_a_vault_are_watched",
    **rows("spec.crypto", "tests/flow/test_cryptojob_permission.py::test_what_a_keyvault_allows", LISTED),
    **rows(
        "spec.rotation",
        f"{ROTATION}::test_a_policy_that_differs_is_told",
        f"{KEYS} .keys[].rotateAfterCreation .keys[].rotateBeforeExpiry .keys[].expiresAfter",
    ),
    "status": f"{CRDS}::test_status_is_not_ready_before_the_first_look_and_has_its_own_door",
    "status.observedGeneration": f"{KEYVAULTS}::test_status_of_a_vault",
    **rows("status.conditions", f"{KEYVAULTS}::test_status_of_a_vault", CONDITION),
    "status.detection": f"{KEYVAULTS}::test_status_of_a_vault",
    "status.objects": f"{KEYVAULTS}::test_status_of_a_vault",
    "status.expired": f"{EXPIRY}::test_expiry_is_told_by_condition_and_event",
    "status.expiring": f"{EXPIRY}::test_expiry_is_told_by_condition_and_event",
    "status.ending": f"{EXPIRY}::test_a_status_names_what_ends_next",
    **rows("status.soonest", f"{EXPIRY}::test_a_status_names_what_ends_next", OBJECT),
    "status.eventsSentUntil": "tests/flow/test_cloudevents.py::test_a_sink_that_fails_is_told_later",
    "status.expiryToldUntil": f"{EXPIRY}::test_a_restart_tells_nothing_again",
    "status.toldOf": f"{EXPIRY}::test_a_keyvault_that_leads_elsewhere_begins_anew",
}

NAMESPACES = ".names .names[] .selector .selector.matchLabels"
EXPRESSION = "[] [].key [].operator [].values [].values[]"
CLUSTER_KEYVAULT = KEYVAULT | {
    "spec.auth.servicePrincipal.secretRef.namespace": (
        f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal"
    ),
    "spec.auth.servicePrincipal.certificateRef.namespace": f"{REFERENCES}::test_a_client_certificate",
    "spec.auth.workloadIdentity.serviceAccountRef.namespace": f"{REFERENCES}::test_a_service_account",
    "spec.caBundleRef.namespace": f"{REFERENCES}::test_a_bundle_by_reference_is_trusted",
    "spec.access": f"{KEYVAULTS}::test_access_by_namespace",
    "spec.access[]": f"{KEYVAULTS}::test_access_by_namespace",
    **rows("spec.access[].namespaces", f"{KEYVAULTS}::test_access_by_namespace", NAMESPACES),
    **rows(
        "spec.access[].namespaces.selector.matchExpressions",
        f"{KEYVAULTS}::test_every_operator_of_a_selector",
        EXPRESSION,
    ),
    "spec.access[].namespaces.all": f"{KEYVAULTS}::test_access_by_object_and_kind",
    **rows("spec.access[].objects", f"{KEYVAULTS}::test_access_by_object_and_kind", "[]"),
    **rows("spec.access[].kinds", f"{KEYVAULTS}::test_access_by_object_and_kind", "[]"),
}

JOBS = "tests/flow/test_cryptojob"
SOURCE = (
    ".value .decode .secretKeyRef .secretKeyRef.name .secretKeyRef.key "
    ".configMapKeyRef .configMapKeyRef.name .configMapKeyRef.key"
)
CRYPTO_JOB = {
    "spec": f"{JOBS}_first.py::test_a_signature_in_the_status",
    **rows("spec.vaultRef", f"{JOBS}_states.py::test_a_job_waits_for_its_keyvault", ".kind .name"),
    "spec.key": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "spec.key.name": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "spec.key.version": f"{JOBS}_inputs.py::test_a_pinned_version_is_used",
    "spec.operation": f"{JOBS}_matrix.py::test_every_algorithm",
    "spec.algorithm": f"{JOBS}_matrix.py::test_every_algorithm",
    **rows("spec.input", f"{JOBS}_inputs.py::test_every_input", f"{SOURCE} .text"),
    **rows("spec.input.secretRef", f"{JOBS}_envelope.py::test_a_whole_secret_there_and_back", ".name"),
    **rows("spec.input.configMapRef", f"{JOBS}_first.py::test_there_and_back", ".name"),
    "spec.messageType": f"{JOBS}_signatures.py::test_a_digest_is_signed_as_it_is",
    **rows(
        "spec.signature",
        f"{JOBS}_signatures.py::test_every_form_of_a_signature",
        f"{SOURCE} .format .secretRef .secretRef.name .configMapRef .configMapRef.name",
    ),
    "spec.envelope": f"{JOBS}_envelope.py::test_a_whole_secret_there_and_back",
    **rows("spec.iv", f"{JOBS}_inputs.py::test_parameters_of_aes", SOURCE),
    **rows("spec.aad", f"{JOBS}_inputs.py::test_parameters_of_aes", SOURCE),
    **rows("spec.tag", f"{JOBS}_inputs.py::test_parameters_of_aes", SOURCE),
    "spec.output": f"{JOBS}_first.py::test_the_output_says_whose_it_is_and_goes_with_its_job",
    **rows("spec.output.secret", f"{JOBS}_first.py::test_there_and_back", NAMED),
    "spec.output.secret.owner": f"{JOBS}_first.py::test_the_output_says_whose_it_is_and_goes_with_its_job",
    **rows(
        "spec.output.configMap",
        f"{JOBS}_first.py::test_the_output_says_whose_it_is_and_goes_with_its_job",
        f"{NAMED} .owner",
    ),
    "spec.output.status": f"{JOBS}_inputs.py::test_every_input",
    "spec.output.format": f"{JOBS}_signatures.py::test_every_form_of_a_signature",
    "spec.minAge": f"{JOBS}_rotation.py::test_a_young_version_is_not_rotated",
    "spec.failOnInvalid": f"{JOBS}_signatures.py::test_a_wrong_signature_is_told_and_fails_only_if_asked",
    "spec.suspend": f"{JOBS}_states.py::test_a_suspended_job_is_held_back",
    "spec.activeDeadlineSeconds": f"{JOBS}_states.py::test_a_job_fails_at_its_deadline",
    "spec.ttlSecondsAfterFinished": f"{JOBS}_states.py::test_a_finished_job_is_deleted_in_time",
    "spec.backoffLimit": f"{JOBS}_states.py::test_attempts_are_counted_up_to_the_limit",
    "status": f"{CRDS}::test_status_is_not_ready_before_the_first_look_and_has_its_own_door",
    "status.observedGeneration": f"{JOBS}_first.py::test_finished_is_final",
    **rows("status.conditions", f"{JOBS}_first.py::test_a_signature_in_the_status", CONDITION),
    "status.startTime": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.completionTime": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.duration": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.attempts": f"{JOBS}_states.py::test_attempts_are_counted_up_to_the_limit",
    "status.claimedBy": f"{JOBS}_race.py::test_of_two_that_claim_the_same_state_one_operates",
    "status.takenOverAt": f"{JOBS}_race.py::test_of_two_that_take_over_from_a_dead_one_one_operates",
    "status.keyId": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.previousKeyId": f"{JOBS}_rotation.py::test_a_key_is_rotated_once",
    "status.algorithm": f"{JOBS}_first.py::test_a_signature_in_the_status",
    **rows("status.output", f"{JOBS}_first.py::test_there_and_back", ".kind .name"),
    "status.result": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.result.value": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.result.iv": f"{JOBS}_inputs.py::test_parameters_of_aes",
    "status.result.tag": f"{JOBS}_inputs.py::test_parameters_of_aes",
    "status.result.aad": f"{JOBS}_inputs.py::test_parameters_of_aes",
    "status.result.valid": f"{JOBS}_signatures.py::test_a_wrong_signature_is_told_and_fails_only_if_asked",
}

TESTS = {
    "VaultBinding": VAULT_BINDING,
    "KeyVault": KEYVAULT,
    "ClusterKeyVault": CLUSTER_KEYVAULT,
    "CryptoJob": CRYPTO_JOB,
}
