"""Which test exercises which field of the schema.

A field is either here, with the name of the test in which it works from the manifest to the cluster, or in
the table of refused fields (`vaultbind.api.implemented`). Places below a listed path need no row of their own
where the path ends in `.*`.
"""

FLOWS = "tests/flow/test_binding"
KEYVAULTS = "tests/flow/test_keyvaults.py"
ROLLOUT = "tests/flow/test_rollout.py"
EXPIRY = "tests/flow/test_expiry.py"
UNIT = "tests/unit/api/test_binding_parser.py"
CRDS = "tests/apiserver/test_crds.py"

VAULT_BINDING = {
    "spec": f"{FLOWS}_sources.py::test_plain_secrets_and_a_json_property",
    "spec.vaultRef.*": f"{FLOWS}_first.py::test_the_vault_may_be_of_the_namespace_or_of_the_cluster",
    "spec.refreshPolicy": f"{FLOWS}_rotation.py::test_a_rotated_secret_arrives",
    "spec.suspend": f"{FLOWS}_target.py::test_suspend_stops_reads_and_writes",
    "spec.target": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.name": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.type": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.labels": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.annotations": f"{FLOWS}_target.py::test_target_name_type_labels_and_annotations",
    "spec.target.creationPolicy": f"{FLOWS}_merge.py::test_merge_adds_keys_to_a_secret_of_somebody_else",
    "spec.target.whenMissing": f"{FLOWS}_rotation.py::test_a_missing_object_keeps_the_secret",
    "spec.target.template": f"{FLOWS}_templates.py::test_a_template_makes_a_key_of_the_others",
    "spec.target.template.data": f"{FLOWS}_templates.py::test_a_template_makes_a_key_of_the_others",
    "spec.target.template.keep": f"{FLOWS}_templates.py::test_keys_are_kept_where_the_template_says_so",
    "spec.target.immutable": f"{UNIT}::test_whole_target",
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
    "spec.data[].certificate.format": f"{FLOWS}_sources.py::test_parts_of_a_certificate",
    "spec.data[].certificate.version": f"{FLOWS}_sources.py::test_a_pinned_version_stays",
    "spec.data[].publicKey": f"{FLOWS}_sources.py::test_public_keys",
    "spec.data[].publicKey.name": f"{FLOWS}_sources.py::test_public_keys",
    "spec.data[].publicKey.format": f"{FLOWS}_sources.py::test_public_keys",
    "spec.data[].publicKey.version": f"{FLOWS}_sources.py::test_a_pinned_version_stays",
    "spec.dataFrom": f"{FLOWS}_sources.py::test_tls_from_a_certificate",
    "spec.dataFrom[]": f"{FLOWS}_sources.py::test_tls_from_a_certificate",
    "spec.dataFrom[].tls": f"{FLOWS}_sources.py::test_tls_from_a_certificate",
    "spec.dataFrom[].tls.name": f"{FLOWS}_sources.py::test_tls_from_a_certificate",
    "spec.dataFrom[].tls.version": f"{FLOWS}_sources.py::test_a_pinned_version_stays",
    "spec.dataFrom[].optional": f"{FLOWS}_sources.py::test_optional_entries_may_be_missing",
    "spec.expiry.*": f"{EXPIRY}::test_thresholds_of_a_binding",
    "spec.rollout.*": f"{ROLLOUT}::test_workloads_are_restarted_when_the_content_has_changed",
    "status.rolloutRevision": f"{ROLLOUT}::test_workloads_are_restarted_when_the_content_has_changed",
    "status": f"{CRDS}::test_status_is_not_ready_before_the_first_look_and_has_its_own_door",
    "status.observedGeneration": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    "status.conditions.*": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    "status.secretName": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    "status.revision": f"{FLOWS}_rotation.py::test_a_rotated_secret_arrives",
    "status.lastChanged": f"{FLOWS}_rotation.py::test_a_rotated_secret_arrives",
    "status.expires": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    "status.objects.*": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    "status.objectCount": f"{FLOWS}_first.py::test_status_tells_what_was_written",
    "status.lastHandledRequest": f"{FLOWS}_target.py::test_requested_at_forces_one_look",
}

KEYVAULT = {
    "spec": f"{KEYVAULTS}::test_a_vault_connects_with_a_managed_identity",
    "spec.url": f"{KEYVAULTS}::test_a_vault_connects_with_a_managed_identity",
    "spec.auth": f"{KEYVAULTS}::test_a_vault_connects_with_a_managed_identity",
    "spec.auth.default": f"{KEYVAULTS}::test_a_vault_connects_with_the_default_identity",
    "spec.auth.managedIdentity.*": f"{KEYVAULTS}::test_a_vault_connects_with_a_managed_identity",
    "spec.auth.servicePrincipal": f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal",
    "spec.auth.servicePrincipal.clientId": f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal",
    "spec.auth.servicePrincipal.tenantId": f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal",
    "spec.auth.servicePrincipal.secretRef.*": f"{KEYVAULTS}::test_a_vault_connects_with_a_service_principal",
    "spec.auth.workloadIdentity": (
        f"{KEYVAULTS}::test_a_vault_connects_with_the_workload_identity_of_the_process"
    ),
    "spec.auth.workloadIdentity.clientId": (
        f"{KEYVAULTS}::test_a_vault_connects_with_the_workload_identity_of_the_process"
    ),
    "spec.auth.workloadIdentity.tenantId": (
        f"{KEYVAULTS}::test_a_vault_connects_with_the_workload_identity_of_the_process"
    ),
    "spec.authorityHost": f"{KEYVAULTS}::test_an_authority_host_that_is_not_allowed_sees_no_connection",
    "spec.caBundle": f"{KEYVAULTS}::test_the_ca_bundle_of_a_vault_is_trusted",
    "spec.refreshInterval": f"{KEYVAULTS}::test_a_vault_is_looked_at_once_per_interval",
    "spec.detection": f"{KEYVAULTS}::test_changes_are_found_by_lists_and_by_gets",
    "spec.rateLimit.*": f"{KEYVAULTS}::test_a_vault_gets_no_more_requests_than_its_limit",
    "spec.expiry": f"{EXPIRY}::test_expiry_is_told_by_condition_and_event",
    "spec.expiry.warnBefore.*": f"{EXPIRY}::test_expiry_is_told_by_condition_and_event",
    "spec.expiry.scope": f"{EXPIRY}::test_all_objects_of_a_vault_are_watched",
    "spec.crypto.*": "tests/flow/test_cryptojob_permission.py::test_what_a_keyvault_allows",
    "spec.rotation.*": "tests/flow/test_key_rotation.py::test_a_policy_that_differs_is_told",
    "status": f"{CRDS}::test_status_is_not_ready_before_the_first_look_and_has_its_own_door",
    "status.observedGeneration": f"{KEYVAULTS}::test_status_of_a_vault",
    "status.conditions.*": f"{KEYVAULTS}::test_status_of_a_vault",
    "status.detection": f"{KEYVAULTS}::test_status_of_a_vault",
    "status.objects": f"{KEYVAULTS}::test_status_of_a_vault",
    "status.expired": f"{EXPIRY}::test_expiry_is_told_by_condition_and_event",
    "status.expiring": f"{EXPIRY}::test_expiry_is_told_by_condition_and_event",
    "status.ending": f"{EXPIRY}::test_a_status_names_what_ends_next",
    "status.soonest.*": f"{EXPIRY}::test_a_status_names_what_ends_next",
    "status.eventsSentUntil": "tests/flow/test_cloudevents.py::test_a_sink_that_fails_is_told_later",
    "status.expiryToldUntil": f"{EXPIRY}::test_a_restart_tells_nothing_again",
}

CLUSTER_KEYVAULT = KEYVAULT | {
    "spec.access": f"{KEYVAULTS}::test_access_by_namespace",
    "spec.access[]": f"{KEYVAULTS}::test_access_by_namespace",
    "spec.access[].namespaces.*": f"{KEYVAULTS}::test_access_by_namespace",
    "spec.access[].objects.*": f"{KEYVAULTS}::test_access_by_object_and_kind",
    "spec.access[].kinds.*": f"{KEYVAULTS}::test_access_by_object_and_kind",
}

JOBS = "tests/flow/test_cryptojob"
CRYPTO_JOB = {
    "spec": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "spec.vaultRef.*": f"{JOBS}_states.py::test_a_job_waits_for_its_keyvault",
    "spec.key": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "spec.key.name": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "spec.key.version": f"{JOBS}_inputs.py::test_a_pinned_version_is_used",
    "spec.operation": f"{JOBS}_matrix.py::test_every_algorithm",
    "spec.algorithm": f"{JOBS}_matrix.py::test_every_algorithm",
    "spec.input.*": f"{JOBS}_inputs.py::test_every_input",
    "spec.messageType": f"{JOBS}_signatures.py::test_a_digest_is_signed_as_it_is",
    "spec.signature.*": f"{JOBS}_signatures.py::test_every_form_of_a_signature",
    "spec.envelope": f"{JOBS}_envelope.py::test_a_whole_secret_there_and_back",
    "spec.iv.*": f"{JOBS}_inputs.py::test_parameters_of_aes",
    "spec.aad.*": f"{JOBS}_inputs.py::test_parameters_of_aes",
    "spec.tag.*": f"{JOBS}_inputs.py::test_parameters_of_aes",
    "spec.output": f"{JOBS}_first.py::test_the_output_says_whose_it_is_and_goes_with_its_job",
    "spec.output.secret.*": f"{JOBS}_first.py::test_there_and_back",
    "spec.output.configMap.*": f"{JOBS}_first.py::test_the_output_says_whose_it_is_and_goes_with_its_job",
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
    "status.conditions.*": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.startTime": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.completionTime": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.duration": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.attempts": f"{JOBS}_states.py::test_attempts_are_counted_up_to_the_limit",
    "status.claimedBy": f"{JOBS}_race.py::test_of_two_that_claim_the_same_state_one_operates",
    "status.takenOverAt": f"{JOBS}_race.py::test_of_two_that_take_over_from_a_dead_one_one_operates",
    "status.keyId": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.previousKeyId": f"{JOBS}_rotation.py::test_a_key_is_rotated_once",
    "status.algorithm": f"{JOBS}_first.py::test_a_signature_in_the_status",
    "status.output.*": f"{JOBS}_first.py::test_there_and_back",
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
