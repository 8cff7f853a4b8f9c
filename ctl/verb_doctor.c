/* Verb doctor: makes all examinations, and prints the report. */
#include "ctl/complain.h"
#include "ctl/doctor_parts.h"
#include "ctl/verbs.h"

int verb_doctor(const struct options *options)
{
        _cleanup_(doctor_clear) struct doctor doctor = { 0 };
        int code;

        if (doctor_init(&doctor, options) < 0) {
                complain("Out of memory.");
                return EXIT_FAILED;
        }

        doctor_fact(&doctor, "versions", "eqpctl", "%s", EQP_BROKER_VERSION);
        doctor_examine_configuration(&doctor);
        doctor_examine_machine(&doctor);
        doctor_examine_daemon(&doctor);
        doctor_examine_environments(&doctor);
        doctor_examine_local_keys(&doctor);
        doctor_examine_programs(&doctor);
        doctor_examine_keys(&doctor);
        code = options->json ? doctor_print_json(&doctor) : doctor_print(&doctor);
        return code == EXIT_DONE && json_object_array_length(doctor.findings) > 0 ? EXIT_FAILED : code;
}
